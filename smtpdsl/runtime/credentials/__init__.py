"""Who may log in: passwords, what is stored of them, and how the two are compared."""
