"""Attempts on disk: one append-only SQLite file per run, readable by everyone, writable by one process."""

from eft_jax.store.database import CONSTRUCTION_LIMIT, FILE_NAME, Store, construction_hash, export_trace, open_all

__all__ = ["CONSTRUCTION_LIMIT", "FILE_NAME", "Store", "construction_hash", "export_trace", "open_all"]
