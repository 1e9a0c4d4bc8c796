"""Civil affairs: arrange care, a bed for the night, guardianship; look at an application for support."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class CivilAffairsActivities(Delivery):
    """Care asks who may look after the child, support asks what the household has."""

    @activity.defn(name="civil_affairs_arrange_care")
    async def arrange_care(self, order: Order) -> Moved:
        """Take the child in, or find who may."""
        return await self.send(order)

    @activity.defn(name="civil_affairs_check_support")
    async def check_support(self, order: Order) -> Moved:
        """Look at hardship and living support."""
        return await self.send(order)
