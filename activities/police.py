"""The police: respond to an emergency on the spot."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class PoliceActivities(Delivery):
    """Its packet stands in the disclosure rules."""

    @activity.defn(name="police_respond")
    async def respond(self, order: Order) -> Moved:
        """Deliver the referral to the agency's own system."""
        return await self.send(order)
