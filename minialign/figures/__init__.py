"""Every drawing: numbers in, (Figure, caption) out; nothing here trains or samples."""
