"""The grammar of the sample corpus: phrases, sentence templates by topic, topic mixes, and the words' POS tags.

Notation, one token between spaces:
  word, word/POS   a literal token; its POS tag stands in ``LEXICON`` unless given. ``^`` after the tag (IN^) marks a
                   word that opens a clause (chunk SBAR).
  <1-31>           an integer from that range inside a token, with leading zeros as in the upper bound of <00-59>.
  ~word            joins the token before it.
  {symbol}         a phrase, or a name of the type that ``NAME_RULES`` declares; {symbol:TYPE} gives another type.
  {@symbol}        the last value of that name in this sentence; {@initials} abbreviates the last mention.
  _                ends the chunk here.

A topic's line that starts with "=" is a whole sentence, "^" one in capitals; any other is a clause that a line of
``frame`` completes. Lines are ordered from frequent to rare.
"""

PHRASES = """
frame = {clause} . | {clause} {when} . | {clause} , {said} . | {open} , {clause} . | {that} {clause} .
    | {clause} , and {aside} . | {clause} , {said} in {city} . | {clause} , {said} {when} .
    | " {clause} , " {said} . | {that} {clause} {when} , but/CC {aside} . | {clause} , although {aside} .
    | {open} , {clause} , {said} , adding/VBG that {aside} .
grim_frame = {clause} . | {clause} {when} . | {clause} , {said} . | {open} , {clause} . | {that} {clause} .
    | {clause} , and {grim} . | {that} {clause} {when} , but/CC {grim} .
grim = the {agency} opened an inquiry | the cause was not known | {government} sent help/NN
    | {person} , who saw it , told {press} | schools in {city} stayed closed/JJ
    | {person} of {campus} treated the injured/JJ | nobody was blamed | {company} offered help/NN
timeless_frame = {clause} . | {clause} . | {clause} . | {clause} , according/VBG to {press} .
    | {press} wrote that {clause} .
plain_frame = {clause} . | {clause} . | {clause} , he said . | {clause} , officials said .
    | The report said that {clause} .
when = on {weekday} | on {weekday} | last/JJ week | this week | late/RB on {weekday} | in {month}
    | at the end of <1990-1998> | a day before {holiday} | over the weekend | hours after/IN a meeting with {source}
open = On {weekday} | In {city} | In <1990-1998> | Last/JJ month | Early/RB on {weekday}
    | For the {ordinal} time this year | On {holiday} | In {city} and {city} | Over the weekend
said = said {person} | {person} said | {source} said | {press} reported | officials said | police said
    | {person} told {press} | said {person} , {role} | a spokesman for {group} said
    | the {adjective} government said | a source close/RB to {company} said | said {person} of {campus}
that = {person} said that | {source} said that | {press} reported that | Officials in {city} said that
    | {person} , {role} , said that | {government} announced that | Sources at {company} confirmed that
source = the {agency} | the {party} | {company} | {group} | the {adjective} government | {person} | {campus}
    | {government}
campus = {college} | the {institute} | {college}
press = the {paper} | the {paper} | {broadcaster}
role = head of the {agency} | a {adjective} lawyer | who runs {company} | a former/JJ minister
    | an analyst at {company} | the {job} of {city} | a {based} writer/NN | {job} at {campus}
    | the widow of {person} | who grew up/RP in {city}
job = mayor | coach | captain | bishop | professor | chairman | director
aside = {person} declined to comment | {source} denied it | {company} had no/DT comment | {person} disagreed
    | many/JJ in {city} doubt it | this surprised {person} | {press} called it a mistake
    | {government} is expected to follow | no/DT date was given | the news was welcomed in {city}
    | {person} called it good/JJ news
weekday = Monday | Tuesday | Wednesday | Thursday | Friday | Saturday | Sunday
month = January | March | May | June | August | October | December
ordinal = first/JJ | second/JJ | third/JJ | fourth/JJ | fifth/JJ
number = two | three | four | six | seven | nine | eleven | <12-95> | <100-960>
money = $ <2-90> million | <2-90> million crowns | $ <1-9>.<1-9> billion | <10-900>,000 dinars | $ <100-990>
percent = <2-40> percent | <1-9>.<1-9> percent
good = steel | timber | wheat | coffee | copper | cotton | rice | salt | fish
goods = shoes | tractors | radios | bicycles | clocks | carpets
crime = fraud | murder | arson | theft | bribery
score = <3-5>-<0-2> | <1-4>-0 | <2-3>-1
level = 0-0/CD | 1-1/CD | 2-2/CD | 3-3/CD
sets = 6-<1-4>/CD 6-<0-4>/CD | 7-5/CD 6-<2-4>/CD | 6-<1-4>/CD 4-6/CD 7-5/CD
plain_who = the committee | the workers | the children | the judge | the farmers | a spokesman | the two sides
    | the passengers | the crew | most/JJS voters | the new/JJ board | the firemen | shoppers | the bank
    | the home side | the minister 's wife
plain_did = rejected | welcomed | studied | ignored | discussed | criticised | supported | feared | waited for/IN
    | argued about/IN | voted on | asked for/IN
plain_what = the plan | the {plain_adj} offer | a {plain_adj} report | the {plain_adj} {plain_noun}
    | the first/JJ {plain_noun} | the cost of the {plain_noun} | {number} {plain_adj} {plain_nouns}
    | higher/JJR wages | the end of the {plain_noun} | the bridge | the old/JJ bridge near/IN the river
    | {plain_nouns} worth/JJ {money} | the {plain_noun} that/WDT had cost/VBN them their jobs
plain_adj = new/JJ | old/JJ | secret/JJ | final/JJ | cheap/JJ | early/JJ | national/JJ | unpopular/JJ | independent/JJ
plain_noun = strike | vote | budget | season | harvest | summit | election | match | hospital | inquiry | market
    | report
plain_nouns = schools | letters | houses | trains | tests | contracts
plain_when = on {weekday} | in {month} | last/JJ week | at the weekend | after/IN the vote
    | before/IN the {plain_noun} | for the {ordinal} time | because {plain_who} {plain_did} {plain_what}
    | while {plain_who} {plain_did} {plain_what} , officials said
plain_when_front = On {weekday} | After/IN a long/JJ strike | In {month} | For {number} years
    | When/WRB the rain stopped | Despite/IN the {plain_noun}
sport = football | rugby | hockey | cricket | cycling | tennis | rowing
"""

TOPICS = {
    "results": """
= {team} <0-4> {team} <0-4>
= <1-9>. {athlete} ( {country} ) <1-3>:<00-59>.<00-99>
^= {city} <1995-1998>-<01-12>-<01-28>
= {nation} <0-4> {nation} <0-4> ( halftime <0-2>-<0-2> )
= {athlete} ( {country} ) beat {athlete} ( {country} ) _ {sets}
= <1-9>. {team} <8-30> <4-20> <1-6> <1-6> <20-60>
^= {sport} - {person} wins/VBZ {cup} .
= Scorers : {athlete} <1-44> , {athlete} <45-90>
= {team} beat {team} _ <90-120>-<60-89>
= Standings after <3-30> matches :
= {cup} , {ordinal} round , {city} :
= Attendance : <2-60>,<100-999>
= <1-9>. {athlete} , {country} , {team} _ <2-99> points
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
the {people} outplayed the {people} , and {person} made a save worth/JJ {money}
{country} 's {person} beat the record of {person}
the yacht {ship} , sailed by {person} , led the fleet past/IN {spot}
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
{country} exported {number} tonnes of {good} to {country}
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
{number} people died/VBD when/WRB a bus fell into {spot}
a {adjective} man was shot/VBN near {spot}
a bomb exploded at the {adjective} embassy in {city}
{person} , a former {company} director , was charged with {crime}
gunmen robbed the {company} branch in {city}
a court in {city} fined {company} _ {money} for {crime}
the ferry {ship} sank off/IN {spot} with {number} people on board
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
the body of {person} was found/VBN on {spot}
""",
    "weather": """
{storm} hit {country}
heavy/JJ rain fell in {city} and {city}
{storm} killed {number} people in {country}
{storm} , now/RB {number} miles off/IN {spot} , was moving/VBG towards {city}
snow closed/VBD {spot}
the {spot} burst its banks/NNS near {city}
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
divers found/VBD the wreck of the {ship} off/IN {spot}
the {long_college} ( {@initials:ORG} ) and {company} will study {adjective} rice
{adjective} doctors blamed {company}
the {prize} went to {person} and {person} , both/DT of {campus}
fossils from {spot} are older/JJR than/IN those/DT of {country}
the {adjective} telescope on {spot} was named/VBN {ship}
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
{person} grew up/RP on {spot} , the son of a {adjective} fisherman
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
a rose/NN may cost _ {money} in winter
the price rose/VBD from {money} to {money}
he will grant the request if {plain_who} may come/VB too/RB
it was the {ordinal} {plain_noun} in {number} years
there was no/DT {plain_noun} to speak/VB of/IN
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
the storm passed at dawn without/IN harm
the stone house on the point is for sale
he gave no/DT reason
frank/JJ talks took place behind/IN closed/JJ doors
= Results were as/IN follows/VBZ :
= " I will not be back , " she said .
= No/DT details were available .
""",
}

FRAMES = {"plain": "plain_frame", "people": "timeless_frame", "crime": "grim_frame", "weather": "grim_frame"}  # every other topic: "frame"

TOPIC_WEIGHTS = {
    "train": {"results": 20, "sport": 20, "plain": 21, "headlines": 5, "politics": 9, "business": 10, "crime": 5, "weather": 3, "culture": 3.5, "science": 2, "people": 2.5},
    "dev": {"results": 12, "sport": 13, "plain": 21, "headlines": 6, "politics": 11, "business": 12, "crime": 7, "weather": 5, "culture": 6, "science": 4, "people": 4},
}
TOPIC_WEIGHTS["test"] = TOPIC_WEIGHTS["dev"]

LEXICON = {
    "DT": "a an the this that no some each both half",
    "PRP": "he she it we you they I nobody them him",
    "PRP$": "his her its their",
    "EX": "there",
    "CC": "and or but &",
    "CD": "two three four six seven nine eleven million billion",
    "MD": "will would may could must",
    "TO": "to",
    "RB": "back not twice once later now still too late close here",
    "WP": "who",
    "WP$": "whose",
    "WDT": "which",
    "IN": "in on at of for from by with near into over towards against than off outside after before since past until during like between about without despite behind under from as worth",
    "IN^": "that because although while if",
    "VB": "follow join hurt see merge be unload go help comment host miss run play delay mark sign cut close halve study",
    "VBZ": "is has runs makes",
    "VBP": "are were deny claim deserve trust doubt talk have",
    "VBD": "held came gave saw sent stayed treated offered surprised was had said told rose fell met won lost beat drew left broke shook took tore sank went sold cost bought led fought hit made wrote grew burst overtook outplayed stole got chose froze freed accused admitted agreed announced approved argued arrested arrived asked banned blamed boycotted called cancelled celebrated charged claimed confirmed crashed criticised crossed declined delayed denied died disagreed discovered discussed dropped edited escaped exploded expelled exported failed faked feared fell fined flooded founded ignored jailed joined killed marched missed moved named opened passed questioned raised reached rebelled recalled refused rejected repaired reported requested resigned robbed sailed scored seized served shared signed slipped spared stopped struck studied supported tested unveiled visited voted waited walked wanted watched welcomed worked returned agreed played declared warned promised urged thanked praised sued hired sacked merged owned accepted finished",
    "VBN": "born known given hurt expected married shot found paid",
    "VBG": "moving setting breaking adding saying",
    "JJ": "available closed former clear bankrupt prime new last next key",
    "NN": "signal reason harm sale point stone help mistake ambassador analyst anchor anniversary army arson author backing band bank battle bid birth bishop board body bomb border boycott branch bribery bridge brother budget bus capital captain car cause chairman champion coach coffee committee compass contract copper cotton court cricket crop cycling date dawn day defeat digest director drought earthquake election embassy end envoy ferry field film final fire fish fisherman fleet football fraud government grant halftime harvest head hockey home hospital house injury inquiry judge knee lantern lawyer leader leg letter man market marsh match mayor meeting minister month moth murder news novelist offer office orbit orchestra parliament penalty percent place plan plant portrait press price prison probe professor profit rain rate record report request rice rival river roof round rowing rugby salt save saved season set side singer snow son source spokesman sprinter stake steel storm street strike striker summit target team telescope tennis test theft timber time tour trial vaccine victory vote water week weekend wheat widow wife wind winner winter world wreck yacht year",
    "NNS": "contracts assets banks bicycles cars carpets champions children clocks crowns crew details detectives degrees dinars divers dockers doctors doors drugs fans farmers fears flights fossils goods gunmen hours houses jobs kilos letters loans matches miles officials organisers passengers patients people points police prices radios rebels results rivals sales schools scientists scorers seats sets shares shoes shoppers sides sources standings stones talks targets tests thieves thousands tonnes tractors trains visitors voters votes wages workers years radios prices markets firemen weeks months sons",
    "NNP": "President",
    ",": ",",
    ".": ".",
    ":": ": ; -",
    "(": "(",
    ")": ")",
    "$": "$",
    "POS": "'s",
}
