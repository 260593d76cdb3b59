"""Who may do what: tokens with their scopes, over every protocol."""
