"""
State that outlives a process: dead letters, user properties, progress of backfills.

A dead letter keeps each event whole, with the reason, until it is replayed or purged:
see `DeadLetter`. A ledger keeps the newest statement about each user property: see
`Ledger`. A backfill notes how far it is: see `Progress`. Each is kept per destination.
`SqliteState` keeps all of them in one file, and `SqlState` in PostgreSQL. Times are
UTC.

The public names are listed in ``__init__.pyi``.
"""

from braze_heap import _lazy

__all__, __getattr__, __dir__ = _lazy.attach(__spec__)
