"""One module or package for each way into an EMR.

Rule: an adapter stands on agent.ports and agent.core only, and knows no other adapter.
"""
