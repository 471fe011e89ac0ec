"""What the numbered scripts share. One file, one concept; heavy packages are imported where they are used."""
