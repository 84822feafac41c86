"""The reference hub: what a hub operator runs to develop against, to pilot with and to certify an agent."""
