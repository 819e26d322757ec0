"""The published studies: their tables and pictures, computed by the code beside them."""
