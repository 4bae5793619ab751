"""What happens to every request, whatever archive it is for."""
