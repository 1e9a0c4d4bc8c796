"""Every other agency of the notice: the same referral, by policy data alone."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class ReferralActivities(Delivery):
    """One verb for all."""

    @activity.defn(name="refer")
    async def refer(self, order: Order) -> Moved:
        """Do the task that the policy names."""
        return await self.send(order)
