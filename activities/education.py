"""Education: keep the child in school and looked after there."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order


class EducationActivities(Delivery):
    """Its packet stands in the disclosure rules."""

    @activity.defn(name="education_support_schooling")
    async def support_schooling(self, order: Order) -> Moved:
        """Deliver the referral to the agency's own system."""
        return await self.send(order)
