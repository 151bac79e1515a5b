"""
Tests of replays: records that leave, records that stay, and batches.
"""

from __future__ import annotations
