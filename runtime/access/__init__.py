"""Who may do what: each request is let through to what its caller has a right to, or refused."""
