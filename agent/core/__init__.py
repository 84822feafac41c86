"""The pure core: it decides, and touches no disk, network, clock, thread or randomness."""
