"""Health: treat first, ask for payment later."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class HealthActivities(Delivery):
    """Its packet stands in the disclosure rules."""

    @activity.defn(name="health_treat")
    async def treat(self, order: Order) -> Moved:
        """Deliver the referral to the agency's own system."""
        return await self.send(order)
