// Invented plots, of several moods and lengths.
export const examples = [
  {
    name: "A lighthouse",
    plot:
      "Mara keeps the light on a rock where no ship has called since the war. One night the " +
      "foghorn is answered from below the water, and in the morning she finds wet footprints on " +
      "the stairs that lead up and do not come down. The keeper before her left a journal: every " +
      "ninth winter the drowned come back for the one who let them drown. As the storm closes in, " +
      "the dead begin to knock at the door with her brother's voice. Mara bars it, lights the lamp " +
      "and sees in its glass that something is already standing behind her.",
  },
  {
    name: "A heist",
    plot:
      "Four pensioners lose their savings when the Providence Bank moves its money to an island " +
      "and itself to another name. Bea, who cleaned its offices for thirty years, still has the " +
      "keys. Between choir practice and bingo the four plan to rob the vault on the night of the " +
      "mayor's gala, with a stolen ice-cream van for a getaway. Nothing goes as it should: the " +
      "safe-cracker is allergic to the guard dog, the van plays its tune at the lights, and a " +
      "young detective falls in love with Bea's granddaughter. In the end the money is gone, the " +
      "banker is in the van, and the whole choir swears that they were singing at the time.",
  },
  {
    name: "Two sentences",
    plot:
      "The last ship from Earth wakes its navigator two hundred years early, because something " +
      "in the cargo hold has learned to speak. She has nine days of air to decide whether the " +
      "alien is a stowaway or the new captain.",
  },
  {
    name: "A wedding",
    plot:
      "Anneli is to marry the dentist of Lower Marsh on Saturday. On Tuesday her first love comes " +
      "home from sea, to sing at the wedding of an old friend, and does not know whose it is. They " +
      "meet at the ferry, walk all night along the dyke and tell each other everything but that. " +
      "Her mother, who once chose the sensible man, hides the letter that would have stopped him, " +
      "and has four days to find the courage to give it back.",
  },
  {
    name: "A long ride",
    plot:
      "In the dry summer of 1881 the rancher Josiah Pike is shot at his own well, and his " +
      "daughter Ruth, nineteen, rides into Gallows Creek to ask the marshal for justice. The " +
      "marshal owes his badge to Colonel Harlan, who owns the railroad, the saloon and, since " +
      "the funeral, the only water in the valley. He tells her to sell and go east.\n\n" +
      "Ruth hires the one man in town who does not want money: Eli Crane, once the fastest gun " +
      "in the Territory, now a drunk who mends harness and has not touched a pistol since he " +
      "killed a boy in Abilene. He agrees to teach her to shoot on condition that she never asks " +
      "him to. Through the autumn they ride the line together, cut Harlan's fences and win over " +
      "the homesteaders family by family: the Swedes on the north fork, the widow Tall Elk and " +
      "her sons, a preacher who has lost his church.\n\n" +
      "When the Colonel's riders burn the Swedes out and hang the eldest son, the settlers want " +
      "blood. Ruth wants a trial. She and Crane take the foreman alive, and for three days and " +
      "nights they hold him in the empty jail while Harlan's men gather in the street. The " +
      "marshal, ashamed at last, comes in by the back door and lays his badge on the table. At " +
      "dawn the circuit judge's coach is seen on the ridge, and the Colonel gives the order to " +
      "fire.\n\n" +
      "Crane straps on the gun. The fight is short. When the smoke lifts the foreman is ready to " +
      "talk, the Colonel is dead in the trough of his own saloon, and Eli Crane is sitting " +
      "against the jail wall as if he were asleep. Ruth opens the well to everyone, pins the " +
      "badge on herself, and buries him on the hill beside her father, under a board on which " +
      "she has cut only his name.",
  },
  {
    name: "For children",
    plot:
      "Pip, a hedgehog who is afraid of the dark, wakes in midwinter when every other animal is " +
      "asleep. With a clockwork owl and a very small snowman he sets out across the magic forest " +
      "to find where the sun goes at night, learns the song that keeps wolves away, and is home " +
      "for breakfast in spring.",
  },
];
