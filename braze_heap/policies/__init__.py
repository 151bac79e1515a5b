"""Policies of the mapping: identity, names, personal data and local time."""
