"""What a process that answers people holds for all requests, whether programs or persons ask."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.ledger import Ledger
from app.db.receipts import Receipts
from app.domain.guessing import CODES, Allowance
from app.oidc import Provider

PROGRESS_PATH = "/progress"
REPORT_PATH = "/report"
SURVEY_PATH = "/survey"


@dataclass(frozen=True)
class Service:
    """The ledger and its database, the receipts, and under which address people reach it all."""

    engine: AsyncEngine
    ledger: Ledger
    receipts: Receipts
    public_url: str = ""
    exit_url: str = ""
    codes: Allowance = CODES
    """Wrong codes from one address."""
    provider: Provider | None = None
    """Who vouches for the people that sign in, where it is not this service itself."""
    local_accounts: bool = True
    restore_tested: date | None = None
    """The day on which a backup was last restored to try it, as the operator says."""
    scanner: str = ""
    """`unix:/path` or `tcp:host:port` of ClamAV's daemon; files are not scanned where it is empty."""

    @property
    def progress_page(self) -> str:
        """Where people enter their receipt code."""
        return self.public_url.rstrip("/") + PROGRESS_PATH
