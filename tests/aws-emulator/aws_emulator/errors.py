"""A refusal, as AWS words it."""

from __future__ import annotations


class AwsError(Exception):
    """What a caller gets instead of an answer."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    @classmethod
    def of(cls, error: Exception) -> AwsError:
        """moto's errors and faults of this program, as an answer."""
        if isinstance(error, cls):
            return error
        code = getattr(error, "error_type", None) or getattr(error, "code", None)
        message = getattr(error, "message", None) or str(error)
        if isinstance(code, str):
            return cls(code, str(message))
        return cls("InternalFailure", f"{type(error).__name__}: {error}", 500)
