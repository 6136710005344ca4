"""The sentence templates of the sample corpus by topic, and how often each topic comes.

Notation, one token between spaces:
  word, word/POS   a literal token; its POS tag stands in ``sample_phrases.LEXICON`` unless given here. ``^`` after the
                   tag (IN^) marks a word that opens a clause (chunk SBAR).
  <1-31>           an integer from that range inside a token; a range that begins with 00 or 01 keeps leading zeros.
  ~word            joins the token before it.
  {symbol}         a phrase, or a name of the type that ``sample_names.NAME_RULES`` declares.
  {symbol:TYPE}    the same as a mention of another type.
  {@symbol}        the last value of that symbol in this sentence; {@initials} abbreviates the last mention.
  _                ends the chunk here.

A line that begins with "=" is a whole sentence, with "^=" one in capitals; any other is a clause for a frame of
``sample_phrases``. Lines stand from frequent to rare: the n-th is drawn in proportion to a power of 1/n.
"""

# Topic -> its sentence templates, one a line.
TOPICS = {
    "results": """
= {team} <0-4> {team} <0-4>
= <1-9>./LS {athlete} ( {country} ) <1-3>:<00-59>.<00-99>
^= {city} <1995-1998>-<01-12>-<01-28>
= {nation} <0-4> {nation} <0-4> ( halftime <0-2>-<0-2> )
= {athlete} ( {country} ) beat {athlete} ( {country} ) _ {sets}
= <1-9>./LS {team} <8-30> <4-20> <1-6> <1-6> <20-60>
^= {sport} - {person} wins/VBZ {cup} .
= Scorers : {athlete} <1-44> , {athlete} <45-90>
= {team} beat {team} _ <90-120>-<60-89>
= Standings after <3-30> matches :
= {cup} , {ordinal} round , {city} :
= Attendance : <2-60>,<100-999>
= <1-9>./LS {athlete} , {country} , {team} _ <2-99> points
= {athlete} , {athlete} , {athlete} and {athlete}
= Referee : {person} ( {country} )
= Played on {weekday} :
""",
    "sport": """
{team} beat {team} _ {score}
{person} scored twice as/IN^ {team} beat {team} _ {score}
{nation} will play {nation} at {venue}
{person} won the {cup}
{team} signed {person} from {team} for {money}
{team} striker {person} missed a penalty
{person} of {country} set a world record
{team} and {team} drew _ {level}
{person} will miss the {cup} with a knee injury
{adjective} captain {person} was dropped for the match against {nation}
{team} coach {person} resigned after/IN the {score} defeat
{nation} lost to {nation} in the {cup} final
the {adjective} champion beat {person} in straight/JJ sets
{person} , who left {team} for {team} in <1985-1996> , scored the winner
defending/JJ champions {team} crashed out/RP of the {cup}
{person} , the {adjective} sprinter , failed a drugs test in {city}
fans of {team} and {team} fought at {spot}
{team} 's {person} broke his leg
{city} will host the <1999-2010> {cup}
{person} rode/VBD {ship} to victory in the {cup}
{team} , once/RB owned by {company} , went bankrupt
{person} , born in {city} but/CC raised in {city} , chose to play for {nation}
{cup} organisers banned {adjective} fans
{team} left {city} , its home for <20-90> years
the {people} outplayed the {people} , and {person} made a save worth {money}
{country} 's {person} beat the record of {person}
the yacht {ship} , sailed by {person} , led the fleet past/IN {coast}
""",
    "politics": """
{government} said it would not sign the {law}
{country} 's prime minister , {person} , arrived in {city}
the {party} won {number} seats in {country}
President {person} met {person} in {city}
{government} accused {government} of breaking/VBG the {law}
the {adjective} parliament passed the {law}
{person} resigned as/IN {adjective} minister
the {long_party} ( {@initials:ORG} ) expelled {person}
{person} , leader of the {party} , refused to join/VB a government with the {party}
thousands of {people} marched in {city} against the {law}
{government} recalled its ambassador from {city}
the {agency} will close/VB its office in {city}
the {adjective} army crossed the border at {spot}
{person} may run/VB for mayor of {city} , and {@family:PER} has the backing of the {party}
talks between {government} and {government} broke down/RP over {spot}
the border between {country} and {country} was closed
{group} called for a boycott of {adjective} {good}
{government} will not talk to the {party} while {person} is in prison
voters in {city} , {city} and {city} chose {person} over {person}
the mayor , a {adjective} by birth , named the square/NN after/IN {person}
{person} will mark the anniversary of the {law} at {spot}
{based} rebels freed/VBD {person} , the envoy of {government}
both/DT {government} and {government} claim {spot}
the {agency} and the {agency} blamed each/DT other/JJ for the delay
{person} and {person} , rivals since/IN <1970-1989> , shared the {prize}
few/JJ {people} trust {person} , whose {party} broke the {law}
""",
    "business": """
shares in {company} fell _ {percent}
{company} bought {company} for {money}
{company} said profit rose _ {percent} to {money}
{company} shares rose _ {percent} in {city}
{person} , chairman of {company} , sold his stake
{company} will cut {number} jobs in {city}
{country} exported <2-90>,000 tonnes of {good} to {country}
{based} {company} makes {goods}
{company} of {country} opened a plant near {city}
the {agency} raised its key/JJ rate to {percent}
{company} and {company} agreed to merge/VB
{adjective} {good} prices rose
{company} named {person} as/IN director
{company} unveiled the {product}
{company} , {company} and {company} bid for the {spot} bridge contract
{company} rose {percent} to {money} , while {company} slipped
{company} recalled the {product} after/IN a fire in {city}
a {adjective} court froze/VBD the assets of {company}
{company} , which/WDT makes the {product} , moved from {city} to {city}
{person} left {company} for its rival {company}
sales of the {product} overtook the {product} in {country}
{person} founded {company} with {@family:PER} 's brother {given} in <1950-1989>
{long_company} ( {@initials:ORG} ) asked the {agency} for help
dockers in {city} refused to unload {adjective} {good}
the {paper} was sold to {company} for {money}
bad/JJ loans by/IN {company} cost {government} _ {money}
{product} , the car that/WDT saved {company} , is {number} years old/JJ
""",
    "crime": """
police in {city} arrested {person}
{person} was jailed for {crime} in {city}
{number} people died/VBD when/WRB a bus fell into the {river}
a {adjective} man was shot/VBN near {spot}
a bomb exploded at the {adjective} embassy in {city}
{person} , a former {company} director , was charged with {crime}
gunmen robbed the {company} branch in {city}
a court in {city} fined {company} _ {money} for {crime}
the ferry {ship} sank off/IN {coast} with {number} people on board
{person} and {person} escaped from {city} prison
the {agency} seized {number} kilos of {good} from the {ship}
a judge freed/VBD {person} , accused of the murder of {person}
{number} {people} were held/VBN at {spot}
{person} , <19-70> , admitted setting fire to {venue}
the trial of {person} , once/RB the {job} of {city} , opened in {city}
thieves took the {prize} from the home of {person}
{person} stole a {product} outside/IN {venue}
detectives from the {agency} questioned the crew of the {ship}
{campus} said {person} had faked results
the body of {person} was found/VBN in the {river}
""",
    "weather": """
{storm} hit {country}
heavy/JJ rain fell in {city} and {city}
{storm} killed {number} people in {country}
{storm} , now/RB {number} miles off/IN {coast} , was moving/VBG towards {city}
snow closed/VBD {spot}
the {river} burst its banks/NNS near {city}
= {city} : sunny/JJ , <2-35> degrees
flights from {city} were delayed by/IN {storm}
an earthquake shook {country} from {city} to {spot}
{storm} spared {city} but/CC flooded {city}
{person} lost her house when/WRB {storm} struck/VBD {city}
drought will halve/VB the {adjective} {good} crop
= {city} <2-35> , {city} <2-35> , {city} <2-35>
the wind tore the roof off/IN {venue}
the {agency} named the next/JJ storm {storm}
a fire on {spot} reached {city}
""",
    "culture": """
{person} won the {prize} for " {work} "
" {work} " opened in {city}
{person} 's film " {work} " was banned in {country}
{person} will play {given} in " {work} "
the {adjective} novelist {person} died in {city}
{campus} bought a portrait of {person}
" {work} " by/IN {person} sold for {money}
{city} celebrated {holiday}
singer {person} married {person} at {venue}
{person} wrote " {work} " and " {work} " in {city}
the film of " {work} " , with {person} as/IN {person} , cost {money}
{press} called " {work} " the best/JJS {adjective} film in years
{person} reads/VBZ the news on {broadcaster}
the {adjective} band {band} cancelled its {country} tour
{holiday} drew _ {number} visitors to {spot}
a street in {city} was named/VBN after/IN {person} , author of " {work} "
{person} , the {prize} winner , left {campus} for {campus}
{people} queued/VBD to see/VB the {adjective} orchestra at {venue}
""",
    "science": """
scientists at {campus} found/VBD a new/JJ moth on {spot}
{person} of {campus} won the {prize}
{campus} tested the {product} on {number} patients
the {agency} approved the {product}
the probe {ship} reached orbit
{person} , who discovered the {effect} , was born in {city}
a vaccine from {company} failed in {country}
divers found/VBD the wreck of the {ship} off/IN {coast}
the {long_college} ( {@initials:ORG} ) and {company} will study {adjective} rice
{adjective} doctors blamed {company}
the {prize} went to {person} and {person} , both/DT of {campus}
fossils from {spot} are older/JJR than/IN those/DT of {country}
the {adjective} telescope near {spot} was named/VBN {ship}
{person} 's team at {campus} grew {good} without/IN water
""",
    "people": """
{person} was born in {city} , {country} , in <1920-1975>
{person} studied at {campus} and joined {company} in <1940-1989>
{person} , <19-88> , is married to {person}
= {person} , {job} of {city} ; {person} , {role} ; {person} , {role}
= Born : {city} , {country} , {month} <1-28> , <1920-1975>
{person} worked for {press} before/IN^ moving/VBG to {city}
{person} speaks/VBZ {adjective} and {adjective}
= Present/JJ : {person} , {person} , {person} and {person} .
{person} edited the {paper} from <1950-1969> to <1970-1989>
{person} grew up/RP near {spot} , the son of a {adjective} fisherman
{person} served on the {ship} and later/RB in the {agency}
{person} , named after/IN {storm} , is <19-60>
= Career : {team} , {team} , {nation} .
""",
    "headlines": """
^= {team} beat {team} .
^= {company} shares fall/VBP on {country} fears .
^= {person} quits/VBZ as/IN {company} chairman .
^= {storm} nears/VBZ {country} .
^= {government} , {government} sign/VBP {law} .
^= {adjective} police arrest/VBP {person} .
^= {person} wins/VBZ {prize} .
^= {company} to/TO buy/VB {company} .
^= {number} hurt/VBN in {city} fire .
^= rain may delay/VB harvest .
^= {paper} : {person} to/TO leave/VB {team} .
^= press digest - {country} - {month} <1-28> .
^= {group} rejects/VBZ {law} .
^= markets close/VBP lower/RBR .
^= {product} delay/NN hits/VBZ {company} .
""",
    "plain": """
{plain_who} {plain_did} {plain_what}
{plain_who} {plain_did} {plain_what} {plain_when}
{plain_when_front} , {plain_who} {plain_did} {plain_what}
the bank/NN will mark its prices up/RP in {month}
the price rose/VBD from {money} to {money}
he will grant the request if {plain_who} may come/VB too/RB
it was the {ordinal} {plain_noun} in {number} years
" we hope/VBP for the best/JJS , " he said
she said the {plain_noun} was too/RB long/JJ
{plain_who} and {plain_who} {plain_did} {plain_what}
at dawn the river banks were still/RB under/IN water
the field was a marsh after/IN the rain
the market missed its target in {month}
a compass and a lantern were sold for {money}
the anchor held through/IN the storm
winter came early/RB this year and the {good} harvest failed
a signal failed and {number} trains were late/JJ
the judge gave them {number} months in prison for {crime}
the best/JJS {good} went to market on {weekday}
a long/JJ report on the {plain_noun} is due/JJ in {month}
a rose/NN may cost _ $ <3-9> in winter
the storm passed at dawn without/IN harm
the stone house on the point is for sale
he gave no/DT reason
frank/JJ talks took place behind/IN closed/JJ doors
= Results were as/IN follows/VBZ :
= " I will not be back , " she said .
= No/DT details were available .
""",
}

FRAMES = {
    "plain": "plain_frame",
    "people": "timeless_frame",
    "crime": "grim_frame",
    "weather": "grim_frame",
}  # every other topic: "frame"

# Topic -> its weights in train, and in dev and test. Train is heavy with results and sport, as news archives are.
TOPIC_WEIGHTS: dict[str, tuple[float, float]] = {
    "results": (20, 12),
    "sport": (20, 13),
    "plain": (26, 26),
    "headlines": (5, 6),
    "politics": (9, 11),
    "business": (10, 12),
    "crime": (5, 7),
    "weather": (3, 5),
    "culture": (3.5, 6),
    "science": (2, 4),
    "people": (2.5, 4),
}
