"""The peers, each in its usual idiom; they run in an environment of their own, without Ranvier."""
