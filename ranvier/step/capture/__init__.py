"""The whole update as one flat graph of tensor operations, and why it cannot be one."""

from ranvier.step.capture.guard import CaptureError
from ranvier.step.capture.signature import Signature, Signer
from ranvier.step.capture.trace import Captured, capture

__all__ = ["CaptureError", "Captured", "Signature", "Signer", "capture"]
