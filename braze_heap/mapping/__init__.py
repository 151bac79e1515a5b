"""
Events to Heap calls: one compiled function per event class, and the generic mapping.

The generic mapping is complete and readable. The compiled functions are fast, decline
unusual events, and are tested against the generic mapping.
"""
