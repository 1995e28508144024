"""What a page shows: figures, explorers, and checks in the open."""
