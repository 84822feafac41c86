"""The way into an EMR that keeps its agenda in a SQL database.

Rule: what differs between databases lives in a dialect, what differs between EMRs in a mapping; neither knows the other.
"""
