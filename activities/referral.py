"""Every other agency of the notice: the same referral, by policy data alone."""

from temporalio import activity

from activities.delivery import Delivery
from activities.messages import Moved, Order
from app.domain.disclosure import Packet, PatientPacket, PupilPacket
from app.domain.terms import Agency

PACKETS: dict[Agency, type[Packet]] = {Agency.SCHOOL: PupilPacket, Agency.HOSPITAL: PatientPacket}
"""Schools and hospitals are told what their authority is told; the rest, which children and where."""


class ReferralActivities(Delivery):
    """One verb for all."""

    @activity.defn(name="refer")
    async def refer(self, order: Order) -> Moved:
        """Do the task that the policy names."""
        return await self.send(order, PACKETS.get(order.agency, Packet))
