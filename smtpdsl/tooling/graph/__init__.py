"""Pictures of the decision diagram, for people and for programs."""
