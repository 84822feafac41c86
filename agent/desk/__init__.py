"""What people are told without asking: the page at the front desk, and e-mail notices.

Rule: built from the answers the command line gets; never a patient, and never in the way of a leg.
"""
