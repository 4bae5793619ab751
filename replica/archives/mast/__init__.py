"""MAST: Pan-STARRS stacks, and images of Hubble."""
