"""Transitions: attempts become labelled rows, rows become a TFDS data set that grain reads."""

from eft_jax.finch.dataset import Rows, find, manifest, read, write
from eft_jax.finch.schema import LABELS, Message, Row
from eft_jax.finch.selection import FilterSettings, Report, Selection, select

__all__ = ["FilterSettings", "LABELS", "Message", "Report", "Row", "Rows", "Selection", "find", "manifest", "read",
           "select", "write"]
