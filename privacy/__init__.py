"""Privacy between a hospital and the world: the next step of the story, above `shared` and below the apps."""
