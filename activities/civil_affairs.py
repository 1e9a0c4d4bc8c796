"""Civil affairs: arrange care, a bed for the night, support."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class CivilAffairsActivities(Delivery):
    """Its packet stands in the disclosure rules."""

    @activity.defn(name="civil_affairs_arrange_care")
    async def arrange_care(self, order: Order) -> Moved:
        """Deliver the referral to the agency's own system."""
        return await self.send(order)
