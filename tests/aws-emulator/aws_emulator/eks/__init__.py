"""EKS, from its API model."""
