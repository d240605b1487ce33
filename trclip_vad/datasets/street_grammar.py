"""A small grammar that tells the story of a street camera: who does what, and the caption of every snippet.

A story is acts in a row. Twelve acts are everyday life. Eleven are *distractors*: as harmless, but in words or
motion like an anomaly (a hug, a legal mural, a barbecue). Six are anomalies of three beats: a precursor that
looks like nothing, the event, its aftermath. Truth spans event and aftermath, not the precursor.

Said plainly: this world is built so that rewrites *can* help. Lines marked `~` are kept for the test split and
say the same things in other words than the `.` lines, so a detector that knows one wording meets another. A gain
seen here shows that the machinery works; it tells nothing about the captions of real cameras.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from trclip_vad.batch import LabelSet

LABELS = LabelSet(("Normal", "Fighting", "Robbery", "Vandalism", "RoadAccident", "Arson", "Burglary"))
ACTORS = {
    "a": "a man in blue",
    "b": "a woman in red",
    "c": "a man in grey",
    "d": "a woman in green",
    "e": "a young man in black",
    "f": "an old man in brown",
    "r": "a red car",
    "s": "a silver car",
    "v": "a white van",
}
SNIPPETS = (12, 40)  # length of a story, both ends included
LASTS = {"life": (2, 4), "precursor": (1, 2), "event": (2, 5), "aftermath": (1, 3)}  # snippets per beat
RESERVED = 0.6  # share of a test story's captions that use wordings no training story has
UNSEEN = 0.25  # share of snippets left uncaptioned in one story of four

# Act: its casts (letters of ACTORS for {A}, {B}, {C}). Beat: phase and motion. Then its wordings.
EVERYDAY = """
walking a dog: b d
 life dog
 . {A} walks a small brown dog along the pavement from left to right.
 . {A} stops at the lamp post while a small dog sniffs at it.
 ~ {A} strolls down the sidewalk with a little terrier on a lead.
 ~ {A} pauses beside a lamp post and lets a terrier sniff around.
waiting for the bus: a f c
 life wait
 . {A} stands at the bus stop and looks down the road.
 . {A} sits on the bench of the bus stop and reads a newspaper.
 ~ {A} is waiting under the bus shelter, glancing along the street.
boarding a bus: bd ac
 life bus
 . A blue bus pulls in and {A} and {B} step on board.
 . {A} gets off the bus and {B} gets on at the front door.
 ~ {A} and {B} climb into a bus that has halted at the shelter.
delivering a parcel: ev av
 life parcel
 . {A} carries a large parcel from {B} to the shop door.
 . {A} hands a parcel to the shopkeeper and walks back to {B}.
 ~ {A} takes a big package out of {B} and brings it into the store.
 ~ The shopkeeper signs for a package that {A} brought along.
sweeping: c f a
 life sweep
 . {A} sweeps leaves off the pavement in front of the shop.
 . {A} empties a dustpan into the bin next to the bus stop.
 ~ {A} brushes fallen leaves together outside the store with a broom.
jogging: d e a
 life jog
 . {A} jogs along the pavement past the shop.
 . {A} stops jogging and stretches both legs against the wall.
 ~ {A} goes for a run down the street at an easy pace.
cycling: ad ce
 life cycle
 . {A} rides a bicycle along the road from right to left.
 . {A} locks a bicycle to the lamp post and nods at {B}.
 ~ {A} pedals past on a bike and rings the bell for {B}.
parking: fs br
 life park
 . {A} parks {B} beside the kerb and gets out.
 . {A} unloads two shopping bags from {B} and shuts the door.
 ~ {A} pulls {B} up at the roadside and steps onto the sidewalk.
pushing a pram: b d
 life pram
 . {A} pushes a pram along the pavement and stops in front of the shop window.
 . {A} waits at the crossing with a pram until the road is clear.
 ~ {A} wheels a baby carriage past the store at a slow pace.
window shopping: ab de
 life shop
 . {A} and {B} look at the shoes in the shop window.
 . {A} leaves the shop with two paper bags and {B} follows.
 ~ {A} and {B} point at goods on display in the storefront.
chatting: cf bd
 life talk
 . {A} and {B} stand on the pavement and talk.
 . {A} shows {B} something on a phone and both nod.
 ~ {A} has a chat with {B} next to the lamp post.
traffic: sv rv
 life drive
 . {A} and {B} drive past slowly while nobody is on the pavement.
 . {A} stops at the crossing and lets two people go over the road.
 ~ {A} rolls by behind {B} on an otherwise empty street.
"""

DISTRACTORS = """
hugging: ab ce de
 life hug
 . {A} runs up to {B} with open arms and holds on tight.
 . {A} and {B} hug for a long time beside the bus stop.
 ~ {A} throws both arms around {B} and lifts the laughing friend off the ground.
running for a bus: c d e
 life run
 . {A} runs along the pavement with a bag under one arm and waves at the bus.
 . {A} bangs on the bus door with a fist until the driver opens it.
 ~ {A} sprints after a departing bus, clutching a handbag.
friends at play: ae ce ca
 life wrestle
 . {A} and {B} wrestle for fun, laugh and fall to the ground together.
 . {A} throws a playful punch at {B}, who grins and dances away.
 ~ {A} and {B} pretend to box, giggling, while a third friend films them.
closing a boot: as ev cr
 life boot
 . {A} smashes down the boot lid of {B} twice until it stays shut.
 . {A} hits the jammed door of {B} and then unlocks it.
 ~ {A} slams the tailgate of {B} with force to make it close.
painting a mural: c d e
 life mural
 . {A} sprays bright paint on the mural wall while two people watch and clap.
 . {A} shakes a spray can and adds a yellow sun to the signed mural.
 ~ {A} works on the town mural with aerosol paint as passers-by take pictures.
barbecue: af bf
 life grill
 . Smoke rises from a barbecue while {A} turns sausages and {B} holds plates.
 . Small flames jump up from the barbecue and {A} laughs with {B}.
 ~ {A} fans the smoking coals of a grill and {B} lays out bread.
towing: sa ve
 life tow
 . A truck tows {A} with a dented front slowly along the road.
 . {B} lies on the road under {A} and asks for a wrench.
 ~ {B} hooks {A} to a tow truck, its bonnet still crumpled from last week.
locked out: cf ea ac
 life ladder
 . {A} climbs through an upper window from a ladder while {B} holds it.
 . {A} works at the lock of the shop door while the owner holds a lamp.
 ~ {A} drills out a jammed lock and {B} thanks him.
moving house: av ev cv
 life movers
 . {A} carries a television from the shop to {B} and ticks a list.
 . {A} stacks boxes in {B} while a woman with keys counts them.
 ~ {A} loads furniture and boxes into {B} with a receipt in hand.
mending a window: e f c
 life mend
 . {A} knocks the cracked glass out of the frame and sweeps it into a bucket.
 . {A} lifts a new pane into the shop window with a helper.
 ~ {A} taps old shards out of the storefront and fits fresh glass.
meeting a friend: ca eb ae
 life loiter
 . {A} stands in a doorway, looks around several times and then greets {B}.
 . {A} walks up and down in front of the shop until {B} arrives.
 ~ {A} hangs about by the store, peers around and then waves to {B}.
"""

ANOMALIES = """
Fighting: ac ea ce
 precursor argue
 . {A} and {B} stand close and shout with raised arms.
 ~ {A} and {B} quarrel face to face on the sidewalk.
 event fight
 . {A} throws punches at {B}, who hits back.
 . {A} and {B} fall to the ground and keep hitting each other.
 . {A} kicks {B} in the back while two people step away.
 ~ {A} strikes {B} in the face with a fist, and both trade blows.
 ~ {A} knocks {B} down and stamps on him.
 aftermath lie
 . {B} sits on the ground and holds his bleeding head.
 ~ {B} stays down with a bloody nose as {A} is held back.
Robbery: cb ed ab
 precursor follow
 . {A} walks close behind {B} and looks around several times.
 ~ {A} trails {B} along the sidewalk, keeping near the wall.
 event snatch
 . {A} pulls at the bag of {B} until the strap breaks.
 . {A} holds a knife in front of {B}, who hands over her phone.
 . {A} runs away with the bag and {B} screams behind him.
 ~ {A} wrenches the handbag from {B} and shoves her aside.
 ~ {A} threatens {B} with a blade and takes her purse.
 aftermath alone
 . {B} stands alone, cries and points down the road.
 ~ {B} weeps at the kerb while a stranger calls for help.
Vandalism: e c a
 precursor loiter
 . {A} stands in front of the bus stop with a metal bar and looks around.
 ~ {A} hangs about at the shelter, hiding an iron rod in one sleeve.
 event smash
 . {A} hits the glass of the bus stop with a metal bar until it breaks.
 . {A} kicks over the bin and throws it at the shop window.
 . {A} sprays black paint across the shop window and the door.
 ~ {A} batters the shelter with an iron rod and shards fly off.
 ~ {A} scrawls over the storefront with an aerosol can and tears off the sign.
 aftermath glass
 . Broken glass covers the pavement in front of the bus stop and nobody is near.
 ~ The shelter stands wrecked among shards, and the sidewalk is deserted.
RoadAccident: sa rd vf
 precursor speed
 . {A} comes down the road very fast and swings from side to side.
 ~ {A} speeds along the street, weaving across the lane.
 event crash
 . {A} hits {B} on the crossing and stops with a broken windscreen.
 . {A} skids over the kerb and crashes into the lamp post.
 . {B} is thrown over the bonnet of {A} and lands on the road.
 ~ {A} ploughs into {B}, who tumbles onto the asphalt.
 ~ {A} swerves and slams into a pole, its front crushed.
 aftermath hurt
 . {B} lies on the road next to {A} and two people kneel down.
 ~ {B} is motionless on the asphalt as bystanders gather around {A}.
Arson: c e a
 precursor can
 . {A} carries a red can to the bins beside the shop and looks around.
 ~ {A} lugs a petrol container toward the store, glancing over one shoulder.
 event burn
 . {A} pours liquid over the bins and throws a burning rag on them.
 . High flames rise from the bins and black smoke covers the shop.
 . {A} runs away while the fire spreads to the shop door.
 ~ {A} douses the doorway with petrol and sets it alight.
 ~ A blaze engulfs the rubbish and licks up the storefront.
 aftermath ashes
 . Thick smoke hangs over the burnt bins and people cover their mouths.
 ~ Charred rubbish smoulders outside the store as onlookers cough.
Burglary: c e a
 precursor loiter
 . {A} walks up and down in front of the closed shop and tries the door handle.
 ~ {A} peers into the unlit store and tests its shutter.
 event break_in
 . {A} forces the closed shop door open with an iron bar.
 . {A} breaks the shop window with an elbow and climbs in.
 . {A} climbs out of the dark shop with a full sack and a till.
 ~ {A} prises the shutter of the unlit store with a crowbar and slips inside.
 ~ {A} crawls out through the shattered pane, dragging a loaded sack.
 aftermath open_door
 . The shop door hangs open and an alarm light flashes over the empty pavement.
 ~ The store is left gaping with its siren lamp blinking and nobody around.
"""


@dataclass(frozen=True, slots=True)
class Beat:
    """One stretch of an act: a phase of LASTS, a motion of the renderer, and the two sets of wordings."""

    phase: str
    motion: str
    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that happens in the street; an anomaly's name is its class."""

    name: str
    casts: tuple[str, ...]
    beats: tuple[Beat, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """One snippet of a story.

    Attributes:
        act, phase, motion: what happens; the motion is what the renderer draws.
        cast: letters of ACTORS, in the order of {A}, {B}.
        begin, end: which part of its beat the snippet shows, in [0, 1].
        caption: what is seen, in words; None where the camera's describer said nothing.
    """

    act: str
    phase: str
    motion: str
    cast: str
    begin: float
    end: float
    caption: str | None

    @property
    def anomalous(self) -> bool:
        return self.phase in ("event", "aftermath")


def acts(grammar: str) -> tuple[Act, ...]:
    """Reads one of the grammars above."""
    found: list[Act] = []
    for line in filter(None, grammar.splitlines()):
        mark, _, rest = line.strip().partition(" ")
        if not line.startswith(" "):
            name, _, casts = line.partition(": ")
            found.append(Act(name, tuple(casts.split()), ()))
            continue
        act = found[-1]
        beats = act.beats
        if mark == ".":
            last = beats[-1]
            beats = (*beats[:-1], Beat(last.phase, last.motion, (*last.train, rest), last.test))
        elif mark == "~":
            last = beats[-1]
            beats = (*beats[:-1], Beat(last.phase, last.motion, last.train, (*last.test, rest)))
        else:
            beats = (*beats, Beat(mark, rest, (), ()))
        found[-1] = Act(act.name, act.casts, beats)
    return tuple(found)


_EVERYDAY, _DISTRACTORS, _ANOMALIES = acts(EVERYDAY), acts(DISTRACTORS), acts(ANOMALIES)


def tell(rng: random.Random, label: str, split: str) -> list[Moment]:
    """A story of one label, one moment per snippet: everyday life, and in it what the label says.

    Args:
        rng: the only source of chance.
        label: a class of LABELS.
        split: "test" allows the reserved wordings.
    """
    length = rng.randint(*SNIPPETS)
    anomaly = next((act for act in _ANOMALIES if act.name == label), None)
    twice = length >= 2 * SNIPPETS[0] and rng.random() < 0.25
    inserted = [_play(rng, anomaly, split) for _ in range(1 + twice)] if anomaly else []
    if rng.random() < 1 / 3:
        inserted += [_play(rng, act, split) for act in rng.sample(_DISTRACTORS, rng.randint(1, 3))]
    rng.shuffle(inserted)
    spare = max(length - sum(map(len, inserted)), len(inserted) + 1)
    cuts = [0, *sorted(rng.choices(range(spare + 1), k=len(inserted))), spare]
    story: list[Moment] = []
    for index, insert in enumerate([*inserted, []]):
        story += [*_everyday(rng, cuts[index + 1] - cuts[index], split), *insert]
    return _with_gaps(rng, story) if rng.random() < 0.25 else story


def _everyday(rng: random.Random, length: int, split: str) -> list[Moment]:
    life: list[Moment] = []
    while len(life) < length:
        life += _play(rng, rng.choice(_EVERYDAY), split)
    return life[:length]


def _play(rng: random.Random, act: Act, split: str) -> list[Moment]:
    cast = rng.choice(act.casts)
    actors = {"ABC"[i]: ACTORS[letter] for i, letter in enumerate(cast)}
    played = []
    for beat in act.beats:
        lasts = rng.randint(*LASTS[beat.phase])
        for step in range(lasts):
            words = beat.test if split == "test" and rng.random() < RESERVED else beat.train
            text = rng.choice(words).format(**actors)
            shown = step / lasts, (step + 1) / lasts
            played.append(Moment(act.name, beat.phase, beat.motion, cast, *shown, text[0].upper() + text[1:]))
    return played


def _with_gaps(rng: random.Random, story: Sequence[Moment]) -> list[Moment]:
    """Some captions taken away, never all of them."""
    spared = rng.randrange(len(story))
    silent = [i != spared and rng.random() < UNSEEN for i in range(len(story))]
    return [replace(m, caption=None) if gone else m for m, gone in zip(story, silent, strict=True)]
