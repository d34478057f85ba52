"""Every drawing: numbers in, (Figure, its words) out; nothing here trains or samples."""
