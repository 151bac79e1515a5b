"""
What outlives a process: dead letters.
"""
