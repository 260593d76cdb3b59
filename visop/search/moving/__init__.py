"""Move copies out of the way, with a list by which they are moved back. Nothing is deleted and nothing replaced."""
