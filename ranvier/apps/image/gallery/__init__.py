"""What the report shows of pictures, made of a trained network and recorded as small PNGs."""

from __future__ import annotations

from ranvier.apps.image.gallery.records import gallery, looks_of

__all__ = ["gallery", "looks_of"]
