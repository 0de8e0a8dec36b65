"""An AWS for tests: moto, and what moto lacks for clusters with hybrid nodes.

CloudFormation, EKS and Roles Anywhere are written here from AWS's API models (botocore ships them); EC2, IAM, S3, STS and SSM are
moto's, with a few rules and calls added. Every request is validated against its model.
"""
