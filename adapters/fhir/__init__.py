"""FHIR R4 servers: reading schedules from them, and booking into them.

Rule: a server is believed for what it was seen to do, never for what it declares; a time without offset is no time.
"""
