"""What every tier leans on: errors, names, shapes, settings, random streams; imports no other."""
