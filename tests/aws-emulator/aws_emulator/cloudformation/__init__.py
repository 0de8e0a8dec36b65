"""CloudFormation: templates, change sets, and an engine that works in the background, on moto's EC2 and IAM and on our services."""
