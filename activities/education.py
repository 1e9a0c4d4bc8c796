"""Education: keep the child in school and looked after there, bring a dropout back."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class EducationActivities(Delivery):
    """The school is told of a pupil, never of the event."""

    @activity.defn(name="education_support_schooling")
    async def support_schooling(self, order: Order) -> Moved:
        """Support at school, teaching at home, aid."""
        return await self.send(order)

    @activity.defn(name="education_bring_back")
    async def bring_back(self, order: Order) -> Moved:
        """Bring the child back to school."""
        return await self.send(order)
