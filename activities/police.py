"""The police: respond to an emergency on the spot, ask detained parents, tell the family, take note."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class PoliceActivities(Delivery):
    """Only what is urgent on the spot is told everything."""

    @activity.defn(name="police_respond")
    async def respond(self, order: Order) -> Moved:
        """Act on the spot: order, search, stop, protect."""
        return await self.send(order)

    @activity.defn(name="police_reach_kin")
    async def reach_kin(self, order: Order) -> Moved:
        """Ask a detained parent, reach the kin, tell the family without the suspect."""
        return await self.send(order)

    @activity.defn(name="police_take_note")
    async def take_note(self, order: Order) -> Moved:
        """Take note of a dropout."""
        return await self.send(order)
