"""What is measured of somebody else's network while it trains, on a few of its rows."""
