"""The room's address as a QR code, if the extra `class` (segno, pure Python) is installed; else the wall prints it large."""

import io


def qr_svg(address: str) -> bytes:
    """An SVG picture of the code; empty without segno."""
    try:
        import segno
    except ImportError:
        return b""
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", scale=8, border=2, xmldecl=False)
    return out.getvalue()
