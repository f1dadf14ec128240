"""What every tier may lean on: errors, names, shapes, settings, random streams. Imports nothing of ours."""
