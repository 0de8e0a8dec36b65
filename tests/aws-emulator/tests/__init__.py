"""What the emulator does, asked with boto3."""
