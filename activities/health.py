"""Health: treat first, ask for payment later; rehabilitate."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class HealthActivities(Delivery):
    """The condition, and whose it is."""

    @activity.defn(name="health_treat")
    async def treat(self, order: Order) -> Moved:
        """Treat and check the child."""
        return await self.send(order)

    @activity.defn(name="health_rehabilitate")
    async def rehabilitate(self, order: Order) -> Moved:
        """Rehabilitation and insurance."""
        return await self.send(order)
