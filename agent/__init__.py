"""The agent a clinic runs next to its EMR: it publishes the slots the clinic chooses and takes bookings back."""

__version__ = "0.1.0"
