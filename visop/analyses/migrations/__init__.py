"""How the tables came to be as ``models`` says, step by step. ``migrating`` runs it."""
