"""Every other agency of the notice: the same referral, by policy data alone."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class ReferralActivities(Delivery):
    """Its packet stands in the disclosure rules."""

    @activity.defn(name="refer")
    async def refer(self, order: Order) -> Moved:
        """Deliver the referral to the agency's own system."""
        return await self.send(order)
